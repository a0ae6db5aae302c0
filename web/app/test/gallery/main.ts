import '../../../pages/static/porchlight.css';
import { mount } from 'svelte';
import Gallery from './Gallery.svelte';
import { preferredLang, setLang } from '$lib/i18n/index.svelte';

await setLang(preferredLang());
mount(Gallery, { target: document.getElementById('app')! });
