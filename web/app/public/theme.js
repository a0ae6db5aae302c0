// Before first paint: the theme and language kept on this device.
(() => {
  const kept = (name) => document.cookie.match(new RegExp('(?:^|; )' + name + '=(\\w+)'))?.[1];
  const root = document.documentElement;
  const theme = kept('theme');
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
  const lang = kept('lang');
  if (lang === 'en' || lang === 'es' || lang === 'nl') root.lang = lang;
})();
