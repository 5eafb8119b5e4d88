/** The worked example: the request of docs/publishing-keys.md, made at 2026-03-15T13:47:30Z, and its answer. */

/** Signed with the key of RFC 7515, appendix A.3; its claims stand in docs/verification-servers.md. */
const certificate = [
  'eyJhbGciOiJFUzI1NiIsImtpZCI6InYxIiwidHlwIjoiSldUIn0',
  'eyJpc3MiOiJodHRwczovL3ZlcmlmeS5leGFtcGxlLm9yZyIsImF1ZCI6ImVubWVzaC1zYW1wbGUiLCJpYXQiOjE3NzM1ODIzMDAsImV4cCI6MTc3MzU4MzIwMCwicmVwb3J0VHlwZSI6Imxpa2VseSIsInN5bXB0b21PbnNldEludGVydmFsIjoyOTU1ODA0LCJ0ZWttYWMiOiJpUmxmMis0S1Y5UUhHOFRIbm84ajFiVWc5VitSRVZ5eW4wZ2UwWlVQTFJzPSJ9',
  'dzFxK-WwShtsQQidjimH1BnjFpY3T63G-oYsfLr9oU0nRH3YB69noGkgqTf8Lcq7risqnsOeo45gS-rhmnhy0A',
].join('.');

const shared = {
  temporaryExposureKeys: [
    { key: 'z2Cx9hdz2SlxZ8GEgqTYpA==', rollingStartNumber: 2955600, rollingPeriod: 144 },
    { key: 'AAECAwQFBgcICQoLDA0ODw==', rollingStartNumber: 2955744, rollingPeriod: 144 },
    { key: 'dPCphLzfG4uzXneNimkPRQ==', rollingStartNumber: 2955888, rollingPeriod: 82 },
  ],
  verificationPayload: certificate,
  padding: 'cGFkZGluZyBmb3IgdGhlIHJlcXVlc3Q=',
};
const appId = 'org.example.health';
const hmacKey = 'AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=';

/** A publish of three keys. */
export const publishExample = { ...shared, healthAuthorityID: appId, hmacKey, traveler: false };

/** The same as the first apps send it. */
export const v1Alpha1Example = { ...shared, appPackageName: appId, hmackey: hmacKey, regions: ['AA'] };

/** What such a publish is answered with; token and padding are longer in truth. */
export const answerExample = {
  revisionToken: 'CgExEqsG8PHy8/T19vf4+fr7',
  insertedExposures: 3,
  padding: 'cGFkZGluZyBmb3IgdGhlIGFuc3dlcg==',
};

/** A day of statistics, and padding. */
export const statsExample = {
  days: [
    {
      day: '2026-03-15T00:00:00Z',
      publish_requests: { unknown: 1, android: 24, ios: 17 },
      total_teks_published: 511,
      requests_with_revisions: 2,
      tek_age_distribution: [0, 1, 1, 2, 3, 3, 4, 4, 4, 4, 4, 4, 3, 2, 1, 0],
      onset_to_upload_distribution: [0, 2, 5, 8, 7, 5, 3, 2, 1, 1, ...Array.from({ length: 20 }, () => 0)],
      requests_missing_onset_date: 6,
    },
  ],
  padding: 'cGFkZGluZyBmb3IgdGhlIGFuc3dlcg==',
};
