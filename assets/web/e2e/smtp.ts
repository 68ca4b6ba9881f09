// A mail server that takes one kind of mail and refuses another.
import { createServer, type AddressInfo, type Socket } from "node:net";

export interface MailServer {
  port: number;
  /** What was sent, headers and all. */
  mails: string[];
  stop(): Promise<void>;
}

/** Refuses whoever is called `refused@…`, in words of its own. */
export async function startMailServer(): Promise<MailServer> {
  const mails: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    let [rest, inMail, mail] = ["", false, ""];
    socket.write("220 mail.example ready\r\n");
    socket.on("data", (bytes) => {
      rest += bytes.toString();
      for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (!inMail) socket.write(answerTo(line));
        else if (line !== ".") mail += `${line}\n`;
        else socket.write("250 taken\r\n");
        if (inMail && line === ".") [inMail, mail] = [mails.push(mail) < 0, ""];
        else if (/^DATA/i.test(line)) inMail = true;
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    stop: () => {
      const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
      sockets.forEach((socket) => socket.destroy());
      return stopped;
    },
  };
}

function answerTo(line: string): string {
  if (/^EHLO/i.test(line)) return "250-mail.example\r\n250 8BITMIME\r\n";
  if (/^RCPT.*refused@/i.test(line)) return "550 5.1.1 nobody of this name lives here\r\n";
  if (/^DATA/i.test(line)) return "354 go on\r\n";
  if (/^QUIT/i.test(line)) return "221 bye\r\n";
  return "250 fine\r\n";
}
