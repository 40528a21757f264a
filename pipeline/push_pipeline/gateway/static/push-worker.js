// For a service worker: shows what is pushed, and opens what a click on it leads to. A browser
// that knows Declarative Web Push shows a push with a `web-link` by itself.
self.addEventListener('push', event => {
  const told = event.data ? event.data.json() : {}
  if (!told.notification) return // without a text: for the page's own code
  const {title, navigate: link, ...look} = told.notification
  const leads = Object.fromEntries((look.actions || []).map(one => [one.action, one.navigate]))
  const data = {...look.data, link, leads}
  if ('app_badge' in told && navigator.setAppBadge) navigator.setAppBadge(told.app_badge)
  event.waitUntil(self.registration.showNotification(title, {...look, data}))
})

self.addEventListener('notificationclick', event => {
  event.notification.close()
  const {link, leads} = event.notification.data || {}
  const to = (leads && leads[event.action]) || link
  if (to) event.waitUntil(self.clients.openWindow(to))
})
