import '../../pages/static/porchlight.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { preferredLang, setLang } from '$lib/i18n/index.svelte';
import { startRouter } from '$lib/router.svelte';
import { routes } from './routes';

startRouter(routes);
await setLang(preferredLang());
const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');
mount(App, { target });
