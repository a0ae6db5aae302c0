// Package plates finds number plates and reads them: where text stands on a
// vehicle, which of it is a plate, what the plate says, and how sure that is.
// What a picture does not show is not guessed: a plate that cannot be read has
// an empty text.
//
// Reader reads one frame, Tracker makes one read of a passing vehicle out of
// many frames, Eval measures a Reader against pictures with known plates. The
// recogniser is trained on drawn plates only; train/README.md says how.
package plates

// StripWidth is how wide the recogniser wants a plate's characters, in pixels;
// nets.StripHeight is how high.
const StripWidth = 208
