// Sends with @parse/node-apn as its README does: `send` of a notification to many tokens.
const readline = require("node:readline");
const apn = require("@parse/node-apn");

const stand = JSON.parse(process.argv[2]);
const provider = new apn.Provider({
  token: { key: stand.key_file, keyId: "BENCHKEY01", teamId: "BENCHTEAM1" },
  address: stand.host,
  port: stand.port,
  ca: require("node:fs").readFileSync(stand.ca_file),
  production: false,
});

function cpu() {
  const used = process.resourceUsage();
  return (used.userCPUTime + used.systemCPUTime) / 1e6;
}

async function send(count) {
  const tokens = Array.from({ length: count }, (_, n) => n.toString(16).padStart(64, "0"));
  const note = new apn.Notification();
  note.alert = { title: "Title", body: "x".repeat(268) };
  note.topic = "com.example.app";
  const result = await provider.send(note, tokens);
  return result.sent.length;
}

async function serve() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const began = process.hrtime.bigint();
    const before = cpu();
    const accepted = await send(Number(line));
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    const told = { accepted, seconds, cpu: cpu() - before };
    told.peak_mb = (process.resourceUsage().maxRSS * 1024) / 1e6;
    console.log(JSON.stringify(told));
  }
  process.exit(0); // its connections would keep it
}

serve();
