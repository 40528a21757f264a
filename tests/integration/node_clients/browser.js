// A page and its service worker, as far as our scripts look at them. Arguments: the gateway's
// address, the API's path, the subscription (JSON), the key it was made with or "".
const vm = require('node:vm')
const [gateway, api, given, madeWith] = process.argv.slice(2)
const subscription = JSON.parse(given)
const said = {subscribed: 0, unsubscribed: 0, shown: [], opened: []}
const bytes = text => new Uint8Array(Buffer.from(text, 'base64url'))

const made = key => ({
  options: {applicationServerKey: key.buffer},
  toJSON: () => subscription,
  unsubscribe: async () => { said.unsubscribed++; current = null },
})
let current = madeWith ? made(bytes(madeWith)) : null
const pushManager = {
  getSubscription: async () => current,
  subscribe: async ({applicationServerKey}) => {
    said.subscribed++
    said.key = Buffer.from(applicationServerKey).toString('base64url')
    return current = made(applicationServerKey)
  },
}
const kept = new Map()
const page = vm.createContext({
  atob, crypto, fetch, Intl, Uint8Array, JSON,
  localStorage: {
    getItem: name => kept.get(name) ?? null,
    setItem: (name, value) => kept.set(name, value),
    removeItem: name => kept.delete(name),
  },
  navigator: {
    language: 'de-AT',
    serviceWorker: {
      register: async () => ({pushManager}),
      ready: Promise.resolve(),
      getRegistration: async () => ({pushManager}),
    },
  },
})

const listeners = {}
const self = {
  addEventListener: (name, listener) => { listeners[name] = listener },
  registration: {showNotification: async (title, look) => said.shown.push([title, look])},
  clients: {openWindow: async url => said.opened.push(url)},
}
const worker = vm.createContext({self, navigator: {}})
const script = async (name, where) =>
  vm.runInContext(await (await fetch(`${gateway}/${name}`)).text(), where)

;(async () => {
  await script('push.js', page)
  const ours = vm.runInContext('PushPipeline', page)
  for (let visit = 0; visit < 2; visit++) {
    said.registered = await ours.subscribe({api: gateway + api, channels: ['news']})
  }
  said.id = ours.deviceId()
  await script('push-worker.js', worker)
  for (const told of JSON.parse(require('node:fs').readFileSync(0))) {
    listeners.push({data: {json: () => told}, waitUntil: () => {}})
  }
  for (const [, {data}] of said.shown) {
    const notification = {data, close: () => {}}
    listeners.notificationclick({notification, action: '', waitUntil: () => {}})
    listeners.notificationclick({notification, action: 'later', waitUntil: () => {}})
  }
  if (madeWith) said.removed = await ours.unsubscribe({api: gateway + api})
  console.log(JSON.stringify(said))
})()
