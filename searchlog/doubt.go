package searchlog

// doubts adds the warnings that a file deserves once it is read.
func (f *file) doubts(r *reader, t *tally) {
}
