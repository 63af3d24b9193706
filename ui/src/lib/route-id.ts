'use client';

import { usePathname } from 'next/navigation';

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;

/**
 * The id in the address: `/jobs/ID`, or with `index` 1 the second one.
 *
 * The export knows no ids: it has one page for `/jobs/_`, and `useParams` would give `_`. Screens are rendered only in
 * the browser, inside the shell, where the address is the real one.
 */
export function useRouteId(index = 0): string {
  return usePathname().match(UUID)?.[index] ?? '';
}
