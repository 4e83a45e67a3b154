// How priorities share a consumer: where it fetches, and among what it has fetched.

/**
 * Every so many turns one goes to normal and low priority in turn, if they have any: so each
 * priority gets at least one of 16, however busy the higher ones are.
 */
export const laneTurns = 8;
