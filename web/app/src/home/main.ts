import '../../../pages/static/porchlight.css';
import './home.css';
import { mount } from 'svelte';
import { preferredLang, setLang } from '$lib/i18n/index.svelte';
import { go, startRouter } from '$lib/router.svelte';
import App from './App.svelte';
import { enter } from './house.svelte';
import { routes } from './routes';
import type { ShowMessage } from './sw';

startRouter(routes);
// Absent where the page did not come over https.
navigator.serviceWorker?.addEventListener('message', ({ data }: MessageEvent<ShowMessage>) => data.type === 'show' && go(data.page));
await Promise.all([setLang(preferredLang()), enter()]);
const target = document.getElementById('app');
if (!target) throw new Error('home.html has no #app');
mount(App, { target });
