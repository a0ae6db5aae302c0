import '../../pages/static/porchlight.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { preferredLang, setLang } from '$lib/i18n/index.svelte';
import { loadMe } from '$lib/me.svelte';
import { match, place, startRouter } from '$lib/router.svelte';
import { routes } from './routes';

startRouter(routes);
// Residents' pages tell the exchange nothing; the desk asks who is there.
const desk = match(routes, place.path)?.route.shell === 'desk';
await Promise.all([setLang(preferredLang()), desk && loadMe().catch(() => {})]);
const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');
mount(App, { target });
