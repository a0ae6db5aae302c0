// A small path router: patterns like "/desk/request/:id" to lazily loaded pages.
import type { Component } from 'svelte';

export interface Route {
  /** Path pattern; ":name" segments become props of the page. */
  path: string;
  /** Loads the page, e.g. () => import('./pages/ask/Post.svelte'). */
  page: () => Promise<{ default: Component<any> }>;
  /** desk: for people of an agency, wide, with the desk's navigation. door: everybody else. */
  shell: 'desk' | 'door';
}

export interface Match {
  route: Route;
  params: Record<string, string>;
}

/** The first route whose pattern fits the path. */
export function match(routes: readonly Route[], path: string): Match | undefined {
  const parts = split(path);
  for (const route of routes) {
    const pattern = split(route.path);
    if (pattern.length !== parts.length) continue;
    const params: Record<string, string> = {};
    const fits = pattern.every((p, i) => {
      const part = parts[i] ?? '';
      if (!p.startsWith(':')) return p === part;
      try {
        params[p.slice(1)] = decodeURIComponent(part);
      } catch {
        return false; // not valid percent-encoding
      }
      return true;
    });
    if (fits) return { route, params };
  }
  return undefined;
}

const split = (path: string) => path.split('/').filter(Boolean);

/** Where the visitor is. The fragment (a capability, for instance) stays in the browser. */
export const place = $state({ path: '', search: '', hash: '' });

const read = () => {
  place.path = location.pathname;
  place.search = location.search;
  place.hash = location.hash;
};

/** Goes to an app route without loading a page. */
export function go(href: string, options: { replace?: boolean } = {}): void {
  if (options.replace) history.replaceState(null, '', href);
  else history.pushState(null, '', href);
  read();
}

/** Follows plain clicks on links to app routes; the server's pages load as ever. */
export function startRouter(routes: readonly Route[]): void {
  read();
  addEventListener('popstate', read);
  addEventListener('hashchange', read);
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
      return;
    const link = (event.target as Element | null)?.closest?.('a');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (link.pathname === location.pathname && link.search === location.search && link.hash) return;
    if (!match(routes, link.pathname)) return;
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
}
