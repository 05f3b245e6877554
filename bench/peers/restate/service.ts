/** The service: handlers whose steps answer at once. */
import { type Context, RestatePromise, serve, service } from "@restatedev/restate-sdk";
import { payload } from "../peer.ts";
import { announceReady } from "../worker-process.ts";

type Payload = typeof payload;
const step = async () => payload;

const bench = service({
  name: "bench",
  handlers: {
    single: (ctx: Context, _input: Payload) => ctx.run("step", step),
    chain: async (ctx: Context, input: Payload) => {
      let last = input;
      for (let i = 1; i <= 10; i++) last = await ctx.run(`step_${i}`, step);
      return last;
    },
    fanOut: async (ctx: Context, _input: Payload) => {
      await RestatePromise.all(Array.from({ length: 10 }, (_, i) => ctx.run(`step_${i}`, step)));
      return ctx.run("join", step);
    },
  },
});

export type Bench = typeof bench;

await serve({ services: [bench], port: Number(process.argv[2]) });
announceReady();
