'use client';

import { ChevronRight } from 'lucide-react';
import Link from 'next/link';
import { type ReactNode, useEffect } from 'react';
import { cn } from '@/lib/cn';
import { SITE } from '@/lib/site';

export interface Crumb {
  label: string;
  href: string;
}

interface PageHeaderProps {
  title: string;
  /** Where this page hangs: the pages above it, outermost first. */
  crumbs?: readonly Crumb[];
  /** One line about the page or the thing. */
  description?: ReactNode;
  /** Beside the title: a status. */
  badge?: ReactNode;
  /** Buttons; the main one last. */
  actions?: ReactNode;
  className?: string;
}

/** Title of a page: its heading, the document's title, the way back, its actions. Exactly one per page. */
export function PageHeader({ title, crumbs = [], description, badge, actions, className }: PageHeaderProps) {
  useEffect(() => {
    document.title = `${title} · ${SITE}`;
  }, [title]);
  return (
    <header className={cn('mb-6 grid gap-1', className)}>
      {crumbs.length > 0 && (
        <nav aria-label="Breadcrumbs">
          <ol className="flex flex-wrap items-center gap-1 text-muted-foreground text-sm">
            {crumbs.map((crumb) => (
              <li key={crumb.href} className="flex min-w-0 items-center gap-1">
                <Link
                  href={crumb.href}
                  prefetch={false}
                  className="name rounded hover:text-foreground hover:underline"
                >
                  {crumb.label}
                </Link>
                <ChevronRight className="size-3.5 shrink-0" aria-hidden />
              </li>
            ))}
          </ol>
        </nav>
      )}
      <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0 flex-1 basis-72">
          <div className="flex flex-wrap items-center gap-x-2.5 gap-y-1">
            <h1
              tabIndex={-1}
              data-page-title
              className="name font-semibold text-2xl tracking-tight outline-none"
            >
              {title}
            </h1>
            {badge}
          </div>
          {description && (
            <div className="name mt-1 max-w-3xl text-muted-foreground text-sm">{description}</div>
          )}
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </div>
    </header>
  );
}
