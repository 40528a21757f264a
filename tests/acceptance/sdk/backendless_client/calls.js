// Makes calls of the unmodified SDK, as told by JSON on stdin, and prints what each came to.
//
// In: {"app": arguments of initApp, "device": arguments of setupDevice, "user": object,
//      "calls": [[name, ...args]]}
// where {"$date": ms} is a Date and {"$new": class, "of": object, "set": object} an object of that
// class, whose properties are then assigned. A "user" is the current user, as after a login.
// Out: one of {"value": …} or {"error": {code, message, status}} for each call.
const Backendless = require('backendless');

function revive(_, value) {
  if (value && typeof value === 'object') {
    if ('$date' in value) return new Date(value.$date);
    if ('$new' in value) return Object.assign(new Backendless[value.$new](value.of), value.set);
  }
  return value;
}

async function outcome([name, ...args]) {
  try {
    return { value: await Backendless.Messaging[name](...args) };
  } catch ({ code, message, status }) {
    return { error: { code, message, status } };
  }
}

async function main() {
  const { app, device, user, calls } = JSON.parse(require('fs').readFileSync(0, 'utf8'), revive);
  Backendless.initApp(...app);
  if (device) Backendless.setupDevice(device);
  if (user) await Backendless.Users.setCurrentUser(user, false);
  const info = await Backendless.appInfoPromise();
  const outcomes = [];
  for (const call of calls) outcomes.push(await outcome(call));
  process.stdout.write(JSON.stringify({ info, outcomes }));
}

main();
