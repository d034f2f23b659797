// Package stack makes room on a goroutine's stack while there is little on it to copy.
package stack

// Grow makes room for a call by net/http. Else the stack grows, and is copied, deep within it.
func Grow() { room(false) }

// room has a frame of the size that there is to be room for. What is in it is not even
// cleared unless it is used.
//
//go:noinline
func room(used bool) {
	if used {
		var frame [12 << 10]byte
		touch(&frame)
	}
}

//go:noinline
func touch(*[12 << 10]byte) {}
