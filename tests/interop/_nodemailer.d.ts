// nodemailer carries no declarations: an untyped import would silently be `any`. Only what is used
// is declared here.

declare module "nodemailer" {
  export interface TransportOptions {
    host: string;
    port: number;
    name?: string;
    pool?: boolean;
    maxConnections?: number;
    secure?: boolean;
    requireTLS?: boolean;
    ignoreTLS?: boolean;
    tls?: { ca?: string; servername?: string };
  }

  export interface Mail {
    envelope: { from: string; to: readonly string[]; use8BitMime?: boolean };
    raw: Uint8Array;
  }

  export interface SentMessageInfo {
    accepted: string[];
    rejected: string[];
    response: string;
  }

  export interface Transporter {
    sendMail(mail: Mail): Promise<SentMessageInfo>;
    close(): void;
  }

  const nodemailer: { createTransport(options: TransportOptions): Transporter };
  export default nodemailer;
}
