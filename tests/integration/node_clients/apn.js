// Sends with @parse/node-apn to the tokens named on the command line; prints what came back.
const fs = require("fs");
const apn = require("@parse/node-apn");

const info = JSON.parse(process.argv[2]);
const url = new URL(info.apns_url);
const provider = new apn.Provider({
  token: { key: info.key_file, keyId: info.key_id, teamId: info.team_id },
  ca: fs.readFileSync(info.ca_file),
  address: "localhost",
  port: Number(url.port),
  production: true,
});
const note = new apn.Notification({ alert: "hi", topic: info.topic, pushType: "alert" });

provider.send(note, process.argv.slice(3)).then((result) => {
  const failed = result.failed.map((f) => [f.device, f.status, f.response && f.response.reason]);
  console.log(JSON.stringify({ sent: result.sent.map((s) => s.device), failed }));
  provider.shutdown();
});
