// For a page: lets this browser be pushed to. `PushPipeline.subscribe({api, channels})` from a
// click; see README.md, "Browsers". `api` is the API's URL with the app's id and a key that may
// register, https://push.example.com/APP-ID/API-KEY.
const PushPipeline = (() => {
  const ID = 'push-pipeline.device', TOKEN = 'push-pipeline.token'

  const bytes = text => Uint8Array.from(
    atob(text.replace(/-/g, '+').replace(/_/g, '/') + '='.repeat(-text.length & 3)),
    character => character.charCodeAt(0))

  const same = (left, right) =>
    left.length === right.length && left.every((byte, at) => byte === right[at])

  // The same for as long as the site's data is kept: what the browser is registered by.
  const deviceId = () => {
    let id = localStorage.getItem(ID)
    if (!id) localStorage.setItem(ID, id = crypto.randomUUID())
    return id
  }

  const token = ({endpoint, keys}) => `${endpoint}#${keys.p256dh}.${keys.auth}`

  const call = async (url, options = {}) => {
    const answer = await fetch(url, options)
    const told = await answer.json()
    if (!answer.ok) throw new Error(`${told.code}: ${told.message}`)
    return told
  }

  const headers = userToken => {
    const shown = localStorage.getItem(TOKEN) // proves that it is the same browser
    return {
      'content-type': 'application/json',
      ...(shown ? {'device-token': shown} : {}),
      ...(userToken ? {'user-token': userToken} : {}),
    }
  }

  // Subscribes, anew where the app's key is another one by now, and registers. At each visit:
  // nothing is asked a second time, and a browser may change its subscription by itself.
  const subscribe = async ({api, worker = '/push-worker.js', userToken, ...fields}) => {
    const registration = await navigator.serviceWorker.register(worker)
    await navigator.serviceWorker.ready
    const key = bytes((await call(`${api}/messaging/webpush/key`)).publicKey)
    let found = await registration.pushManager.getSubscription()
    const made = found && found.options.applicationServerKey
    if (made && !same(new Uint8Array(made), key)) {
      await found.unsubscribe()
      found = null
    }
    found ??= await registration.pushManager.subscribe(
      {userVisibleOnly: true, applicationServerKey: key})
    const subscription = found.toJSON()
    const told = await call(`${api}/messaging/registrations`, {
      method: 'POST',
      headers: headers(userToken),
      body: JSON.stringify({
        locale: navigator.language,
        timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        ...fields,
        deviceId: deviceId(),
        deviceToken: subscription,
        os: 'WEB',
      }),
    })
    localStorage.setItem(TOKEN, token(subscription))
    return told
  }

  const unsubscribe = async ({api, userToken}) => {
    const registration = await navigator.serviceWorker.getRegistration()
    const found = registration && await registration.pushManager.getSubscription()
    const path = `${api}/messaging/registrations/${encodeURIComponent(deviceId())}`
    const told = await call(path, {method: 'DELETE', headers: headers(userToken)})
    if (found) await found.unsubscribe()
    localStorage.removeItem(TOKEN)
    return told
  }

  return {subscribe, unsubscribe, deviceId}
})()
