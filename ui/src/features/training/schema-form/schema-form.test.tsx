import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import { useState } from 'react';
import { afterEach, describe, expect, it } from 'vitest';
import { faultsOf } from './check';
import { documentedTraining } from './document.test-data';
import { getAt, type JsonObject } from './json';
import { formOf } from './node';
import { SchemaForm } from './schema-form';

afterEach(cleanup);
// A part of it: a browser of a test takes seconds for the whole.
const { properties = {}, ...training } = documentedTraining();
const form = formOf({
  ...training,
  properties: Object.fromEntries(
    ['method', 'optimizer', 'max_steps'].map((name) => [name, properties[name] ?? {}]),
  ),
});
let latest: JsonObject = {};

function Page() {
  const [value, setValue] = useState(form.root.fallback as JsonObject);
  latest = value;
  const faults = new Map(faultsOf(form.root, value).map((fault) => [fault.path, fault.message]));
  return <SchemaForm form={form} value={value} onChange={setValue} faults={faults} />;
}
const row = (path: string) => document.getElementById(`field-${path.replaceAll('.', '-')}`) as HTMLElement;

describe('the form', () => {
  it('takes a number as it is typed, marks it as changed, and resets it', () => {
    render(<Page />);
    const rank = within(row('method.rank')).getByRole('textbox');
    fireEvent.change(rank, { target: { value: '1e1' } });
    expect(getAt(latest, 'method.rank')).toBe(10);
    expect((rank as HTMLInputElement).value).toBe('1e1');
    expect(within(row('method.rank')).getByText('Changed')).toBeTruthy();
    fireEvent.click(within(row('method.rank')).getByRole('button', { name: /Reset/ }));
    expect(getAt(latest, 'method.rank')).toBe(8);
    expect((rank as HTMLInputElement).value).toBe('8');
  });

  it('shows a fault at its field, and keeps what was typed', () => {
    render(<Page />);
    const rank = within(row('method.rank')).getByRole('textbox');
    fireEvent.change(rank, { target: { value: 'many' } });
    expect(rank.getAttribute('aria-invalid')).toBe('true');
    expect(within(row('method.rank')).getByText('Found "many"; enter a number.')).toBeTruthy();
    fireEvent.change(rank, { target: { value: '' } });
    expect(within(row('method.rank')).getByText('Enter a number.')).toBeTruthy();
  });

  it('finds a setting of any level', () => {
    render(<Page />);
    fireEvent.change(screen.getByRole('searchbox', { name: 'Search settings' }), {
      target: { value: 'double quantization' },
    });
    expect(row('method.double_quantization')).toBeTruthy();
    expect(row('method.rank')).toBeNull();
  });

  it('gives a label and a description to every control', () => {
    render(<Page />);
    for (const control of document.querySelectorAll<HTMLElement>('[data-control] input[id^=control-]')) {
      expect(document.querySelector(`label[for="${control.id}"]`), control.id).toBeTruthy();
    }
  });
});
