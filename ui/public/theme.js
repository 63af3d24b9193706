// Before the first paint, and whenever the system or another tab changes: the theme that the user chose, or the system's.
// src/lib/theme.ts lets them choose.
(() => {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    let chosen = 'system';
    try {
      chosen = localStorage.getItem('lim.theme') || 'system';
    } catch {
      // Storage may be blocked; the system's theme will do.
    }
    const dark = chosen === 'dark' || (chosen === 'system' && system.matches);
    document.documentElement.classList.toggle('dark', dark);
  };
  apply();
  system.addEventListener('change', apply);
  addEventListener('storage', apply);
})();
