// Before the first paint: the theme that the user chose, or the system's. src/lib/theme.ts changes it later.
(() => {
  let chosen = 'system';
  try {
    chosen = localStorage.getItem('lim.theme') || 'system';
  } catch {
    // Storage may be blocked; the system's theme will do.
  }
  const dark = chosen === 'dark' || (chosen === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.classList.toggle('dark', dark);
})();
