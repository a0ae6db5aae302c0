import { describe, expect, test } from 'vitest';
import { match, type Route } from './router.svelte';

const page = () => Promise.reject(new Error('not loaded here'));
const routes: Route[] = [
  { path: '/desk', shell: 'desk', page },
  { path: '/desk/items/new', shell: 'desk', page },
  { path: '/desk/items/:id', shell: 'desk', page },
  { path: '/r/:id/share', shell: 'door', page },
];

describe('match', () => {
  test.each([
    ['/desk', '/desk', {}],
    ['/desk/', '/desk', {}],
    ['/desk/items/new', '/desk/items/new', {}],
    ['/desk/items/01jd', '/desk/items/:id', { id: '01jd' }],
    ['/r/a%20b/share', '/r/:id/share', { id: 'a b' }],
  ])('%s is %s', (path, pattern, params) => {
    const found = match(routes, path);
    expect(found?.route.path).toBe(pattern);
    expect(found?.params).toEqual(params);
  });

  test.each(['/', '/desks', '/r/x', '/r/x/share/y', '/r/%E0%A4%A/share'])('%s is nothing of ours', (path) => {
    expect(match(routes, path)).toBeUndefined();
  });
});
