/** What pages do beyond links and forms: theme, copying, a second thought, looking again. All of them work without it. */

const theme = document.getElementById('theme');
const root = document.documentElement;
const isDark = () =>
  root.dataset.theme === 'dark' ||
  (root.dataset.theme === undefined && matchMedia('(prefers-color-scheme: dark)').matches);
const nameTheme = () => {
  theme.textContent = isDark() ? 'Light' : 'Dark';
  theme.setAttribute('aria-label', `${theme.textContent} theme`);
};
theme.hidden = false;
nameTheme();
theme.addEventListener('click', () => {
  root.dataset.theme = isDark() ? 'light' : 'dark';
  // biome-ignore lint/suspicious/noDocumentCookie: the other way is missing in Firefox
  document.cookie = `console-theme=${root.dataset.theme}; Path=/console; Max-Age=31536000; SameSite=Strict`;
  nameTheme();
});

function dress(part) {
  for (const button of part.querySelectorAll('[data-copy]')) {
    button.hidden = navigator.clipboard === undefined;
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = 'Copied';
      setTimeout(() => {
        button.textContent = 'Copy';
      }, 2000);
    });
  }
  for (const form of part.querySelectorAll('form[data-confirm]')) {
    form.addEventListener('submit', (event) => {
      if (!confirm(form.dataset.confirm)) event.preventDefault();
    });
  }
}
dress(document);

const main = document.querySelector('main[data-refresh]');
if (main !== null) {
  const pause = document.createElement('button');
  pause.type = 'button';
  pause.className = 'quiet';
  let isPaused = false;
  const name = () => {
    pause.textContent = isPaused ? 'Go on refreshing' : 'Pause refreshing';
  };
  name();
  pause.addEventListener('click', () => {
    isPaused = !isPaused;
    name();
  });
  main.querySelector('h1').after(pause);
  setInterval(async () => {
    const live = main.querySelector('[data-live]');
    if (isPaused || document.hidden || live === null || live.contains(document.activeElement)) return;
    const response = await fetch(location.href, { redirect: 'manual' }).catch(() => null);
    if (response?.ok !== true) return;
    const fresh = new DOMParser()
      .parseFromString(await response.text(), 'text/html')
      .querySelector('[data-live]');
    if (fresh !== null) live.replaceWith(fresh);
  }, Number(main.dataset.refresh) * 1000);
}
