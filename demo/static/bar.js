// The demo's passkeys. The page asks navigator.credentials as ever; the answer
// comes from a software key of the demo person instead of from a device. What
// the exchange then checks is real. This file exists only under `porchlight demo`.
(() => {
  'use strict';

  const toText = (buffer) => {
    const bytes = ArrayBuffer.isView(buffer) ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength) : new Uint8Array(buffer);
    return btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join('')).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  };
  const toBytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  // Options with their buffers as base64url, and answers back.
  const plain = (v) => {
    if (v instanceof ArrayBuffer || ArrayBuffer.isView(v)) return toText(v);
    if (Array.isArray(v)) return v.map(plain);
    if (v && typeof v === 'object') return Object.fromEntries(Object.entries(v).filter(([, x]) => x !== undefined).map(([k, x]) => [k, plain(x)]));
    return v;
  };

  async function ask(path, body) {
    const r = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    if (!r.ok) throw new DOMException(await r.text(), 'NotAllowedError');
    return r.json();
  }

  function credential(json) {
    const r = json.response;
    const buffer = (name) => (r[name] ? toBytes(r[name]).buffer : null);
    const response = { clientDataJSON: buffer('clientDataJSON') };
    if (r.attestationObject) {
      Object.assign(response, {
        attestationObject: buffer('attestationObject'),
        getAuthenticatorData: () => buffer('authenticatorData'),
        getTransports: () => r.transports,
        getPublicKey: () => buffer('publicKey'),
        getPublicKeyAlgorithm: () => r.publicKeyAlgorithm,
      });
    } else {
      Object.assign(response, { authenticatorData: buffer('authenticatorData'), signature: buffer('signature'), userHandle: buffer('userHandle') });
    }
    const results = structuredClone(json.clientExtensionResults);
    for (const name of ['first', 'second']) {
      const value = results.prf?.results?.[name];
      if (value) results.prf.results[name] = toBytes(value).buffer;
    }
    return {
      id: json.id, rawId: toBytes(json.rawId).buffer, type: json.type, authenticatorAttachment: json.authenticatorAttachment,
      response, getClientExtensionResults: () => results, toJSON: () => json,
    };
  }

  // Asks the visitor whose passkey to use: the bar's own list, in a dialogue.
  function choose() {
    return new Promise((resolve, reject) => {
      const dialog = document.createElement('dialog');
      dialog.className = 'demo-choose';
      const form = document.querySelector('.demo-bar form').cloneNode(true);
      form.querySelector('p')?.remove();
      form.method = 'dialog';
      form.removeAttribute('action');
      const bar = document.createElement('div');
      bar.className = 'demo-bar';
      const panel = document.createElement('div');
      panel.className = 'demo-panel';
      panel.append(form);
      bar.append(panel);
      dialog.append(bar);
      dialog.setAttribute('aria-label', document.querySelector('.demo-bar').getAttribute('aria-label'));
      dialog.addEventListener('close', () => {
        dialog.remove();
        if (dialog.returnValue) resolve(dialog.returnValue);
        else reject(new DOMException('nobody was chosen', 'NotAllowedError'));
      });
      document.body.append(dialog);
      dialog.showModal();
    });
  }

  const keys = {
    async get({ publicKey, mediation } = {}) {
      if (!publicKey || mediation === 'conditional') return new Promise(() => {});
      const options = plain(publicKey);
      const player = options.allowCredentials?.length ? '' : await choose();
      const answer = credential(await ask('/demo/get', { player, options }));
      if (player) {
        const now = document.querySelector('.demo-now');
        now.textContent = now.dataset.now.replace('{name}', document.querySelector(`.demo-bar button[value="${CSS.escape(player)}"] span`).textContent);
      }
      return answer;
    },
    async create({ publicKey } = {}) {
      return credential(await ask('/demo/create', { options: plain(publicKey) }));
    },
  };
  Object.defineProperty(navigator, 'credentials', { value: Object.assign(Object.create(navigator.credentials ?? null), keys), configurable: true });

  // Where the page wants a file, the bar offers the town's clips.
  document.addEventListener('toggle', (event) => {
    if (!event.target.closest?.('.demo-bar')) return;
    document.querySelector('.demo-clips').hidden = !document.querySelector('input[type=file]');
  }, true);
  document.addEventListener('click', async (event) => {
    const button = event.target.closest?.('[data-demo-clip]');
    const input = document.querySelector('input[type=file]');
    if (!button || !input) return;
    const url = button.dataset.demoClip;
    const blob = await (await fetch(url)).blob();
    const chosen = new DataTransfer();
    chosen.items.add(new File([blob], button.dataset.demoName + url.slice(url.lastIndexOf('.')), { type: blob.type }));
    input.files = chosen.files;
    input.dispatchEvent(new Event('input', { bubbles: true }));
    input.dispatchEvent(new Event('change', { bubbles: true }));
    document.querySelector('.demo-bar details').open = false;
  });
})();
