//go:build unix

package record

import "syscall"

// space is what the disk of a folder has left for us, and how large it is, in bytes.
func space(dir string) (left, all int64, known bool) {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return 0, 0, false
	}
	return int64(uint64(s.Bavail) * uint64(s.Bsize)), int64(uint64(s.Blocks) * uint64(s.Bsize)), true
}
