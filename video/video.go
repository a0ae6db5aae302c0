// Package video is ffmpeg as Go: what a file or a camera is, its frames, its
// segments on disk, a cut without encoding, a film encoded anew. It is the only
// package of the owner's side that starts programs, and it knows no domain.
//
// Addresses of cameras hold passwords: no error and no log line of this package
// repeats one.
package video
