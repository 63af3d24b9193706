/** The name that every page's title ends with. */
export const SITE = 'Less Is More';
