// What a handler of the library throws whose call was in vain for no fault of its message: the call
// is made anew, at once, and is no failure.

/** See the head of this file. */
export class CallAgain extends Error {
  override readonly name = "CallAgain";
}
