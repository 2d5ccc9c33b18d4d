/** What came back. */
export interface Answer {
  readonly status: number;
  /** the first `Set-Cookie` up to its first `;`, or empty */
  readonly cookie: string;
  readonly body: Buffer;
}

const END_OF_HEAD = Buffer.from("\r\n\r\n");

/**
 * One HTTP/1.1 connection that is kept, one request at a time: a load generator must cost less than what it loads, and this reads no more of
 * an answer than a measurement needs.
 */
export class KeepAlive {
  readonly #socket: Bun.Socket<undefined>;
  readonly #host: string;
  #received: Buffer = Buffer.alloc(0);
  #settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  /** what the socket has not taken yet */
  #unsent: Uint8Array = new Uint8Array(0);

  private constructor(socket: Bun.Socket<undefined>, host: string) {
    this.#socket = socket;
    this.#host = host;
  }

  /** @param url  http, with a port */
  static async connect(url: URL): Promise<KeepAlive> {
    // The handlers are made before the connection that they are for.
    const own: KeepAlive[] = [];
    const all = (act: (connection: KeepAlive) => void) => own.forEach(act);
    const socket = await Bun.connect({
      hostname: url.hostname,
      port: Number(url.port),
      socket: {
        data: (_, part) => all((connection) => connection.#take(part)),
        drain: () => all((connection) => connection.#send()),
        close: () => all((connection) => connection.#fail(new Error("the server closed the connection"))),
        error: (_, error) => all((connection) => connection.#fail(error)),
      },
    });
    const connection = new KeepAlive(socket, url.host);
    own.push(connection);
    return connection;
  }

  /** @throws where the connection ends before the answer */
  request(method: string, path: string, headers: string, body: Uint8Array | string = ""): Promise<Answer> {
    const bytes = Buffer.from(body);
    const head = `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\ncontent-length: ${bytes.length}\r\n${headers}\r\n`;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#unsent = Buffer.concat([Buffer.from(head), bytes]);
      this.#send();
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.end();
  }

  #send(): void {
    if (this.#unsent.length > 0) this.#unsent = this.#unsent.subarray(this.#socket.write(this.#unsent));
  }

  #take(part: Buffer): void {
    this.#received = this.#received.length === 0 ? Buffer.from(part) : Buffer.concat([this.#received, part]);
    const end = this.#received.indexOf(END_OF_HEAD);
    if (end === -1) return;
    const head = this.#received.toString("latin1", 0, end);
    const size = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? "0");
    const start = end + END_OF_HEAD.length;
    if (this.#received.length < start + size) return;
    const answer = {
      status: Number(head.slice(9, 12)),
      cookie: /\r\nset-cookie: ([^;\r]*)/i.exec(head)?.[1] ?? "",
      body: this.#received.subarray(start, start + size),
    };
    this.#received = Buffer.alloc(0);
    this.#settle?.resolve(answer);
  }

  #fail(error: Error): void {
    this.#settle?.reject(error);
  }
}
