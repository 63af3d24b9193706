/**
 * Model cards as elements: headings, paragraphs, lists, tables, code, links, bold, code spans, and the front matter as a
 * table. A card is text of a user, so nothing of it becomes HTML by itself.
 */

import { Fragment, type ReactNode } from 'react';
import { CodeBlock } from '@/components/ui/code-block';
import { KeyValues } from '@/components/ui/key-values';
import { type Block, blocksOf, type Inline, inlinesOf } from './markdown-blocks';

export function Markdown({ text }: { text: string }) {
  return <div className="grid min-w-0 gap-3 text-sm leading-6">{blocksOf(text).map(rendered)}</div>;
}

function rendered(block: Block, index: number): ReactNode {
  switch (block.type) {
    case 'facts':
      return <KeyValues key={index} items={block.pairs.map(([name, value]) => [name, value] as const)} />;
    case 'heading':
      return block.level === 1 ? (
        <h3 key={index} className="name font-semibold text-lg">
          <Inlines text={block.text} />
        </h3>
      ) : (
        <h4 key={index} className="name mt-2 font-semibold text-base">
          <Inlines text={block.text} />
        </h4>
      );
    case 'code':
      return (
        <CodeBlock key={index} code={block.text} {...(block.language ? { title: block.language } : {})} />
      );
    case 'list':
      return (
        <ul key={index} className="list-disc pl-5">
          {block.items.map((item, place) => (
            <li key={place} className="name">
              <Inlines text={item} />
            </li>
          ))}
        </ul>
      );
    case 'table':
      return (
        <div key={index} className="overflow-x-auto rounded-lg border">
          <table className="w-full">
            {block.head.some((cell) => cell !== '') && (
              <thead>
                <tr className="border-b bg-muted text-left">
                  {block.head.map((cell, place) => (
                    <th key={place} scope="col" className="name px-3 py-1.5 font-medium">
                      <Inlines text={cell} />
                    </th>
                  ))}
                </tr>
              </thead>
            )}
            <tbody>
              {block.rows.map((row, at) => (
                <tr key={at} className="border-b last:border-b-0">
                  {row.map((cell, place) => (
                    <td key={place} className="name px-3 py-1.5 first:text-muted-foreground">
                      <Inlines text={cell} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    default:
      return (
        <p key={index} className="name">
          <Inlines text={block.text} />
        </p>
      );
  }
}

function Inlines({ text }: { text: string }) {
  return inlinesOf(text).map((part, index) => (
    <Fragment key={`${index}${part.text}`}>{inline(part)}</Fragment>
  ));
}

function inline(part: Inline): ReactNode {
  if (part.type === 'code')
    return <code className="rounded bg-muted px-1 py-0.5 font-mono text-[0.92em]">{part.text}</code>;
  if (part.type === 'bold') return <strong>{part.text}</strong>;
  if (part.type === 'link')
    return (
      <a href={part.href} rel="noreferrer nofollow" target="_blank" className="text-primary-text underline">
        {part.text}
      </a>
    );
  return part.text;
}
