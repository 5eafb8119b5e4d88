/** Who the two authorities are, and where they are found. */
import { hostAndPort } from '../../../platform/config/address.ts';
import type { Authority } from '../authorities.ts';
import type { Scene } from '../scene.ts';

/** Tells addresses that anybody on this machine may call while the story goes on. */
export function introduce({ narrator, aa, bb }: Scene): void {
  narrator.say('Each has its own PostgreSQL, keys, issuer and health authority. They share nothing but this machine:');
  narrator.say('so they talk in plain text here (ENMESH_UNSAFE_LOOPBACK); between machines only TLS is accepted.');
  for (const authority of [aa, bb]) tellPlaces(authority);

  function tellPlaces({ name, gatewayUrl, federationAddress, configurationFile, installation }: Authority): void {
    const { server } = installation.addresses;
    narrator.tell(name.toUpperCase(), `phones         ${gatewayUrl}`);
    narrator.tell('', `partners       ${federationAddress} (gRPC)`);
    if (server) narrator.tell('', `operators      ${hostAndPort(server)} (gRPC, server role)`);
    narrator.tell('', `identity       ${gatewayUrl}/.well-known/openid-configuration`);
    narrator.tell('', `configuration  ${configurationFile}`);
  }
}
