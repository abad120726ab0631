// Reads calendars or feeds with a client, and prints the titles, dates and ids that it found in each.
// node read.mjs CLIENT FILE...
import { readFileSync } from "node:fs";
import { argv, stdout } from "node:process";

import ICAL from "ical.js";
import nodeIcal from "node-ical";
import RssParser from "rss-parser";

const day = (date) =>
  [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((n) => String(n).padStart(2, "0")).join("-");

const clients = {
  "ical.js": (text) =>
    new ICAL.Component(ICAL.parse(text))
      .getAllSubcomponents("vevent")
      .map((each) => new ICAL.Event(each))
      .map((event) => [event.summary, event.startDate.toString(), event.uid]),
  "node-ical": (text) =>
    Object.values(nodeIcal.sync.parseICS(text))
      .filter((each) => each.type === "VEVENT")
      .map((event) => [event.summary, day(event.start), event.uid]),
  "rss-parser": async (text) => {
    const feed = await new RssParser().parseString(text);
    return feed.items.map((item) => [item.title, item.isoDate.slice(0, 10), item.id]);
  },
};

const read = clients[argv[2]];
const found = await Promise.all(argv.slice(3).map((file) => read(readFileSync(file, "utf-8"))));
stdout.write(JSON.stringify(found));
