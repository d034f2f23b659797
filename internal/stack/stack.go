// Package stack makes room on a goroutine's stack while there is little on it to copy.
package stack

// Grow makes room for a call by net/http. Else the stack grows, and is copied, deep within it.
//
//go:noinline
func Grow() {
	var room [12 << 10]byte
	touch(&room)
}

//go:noinline
func touch(*[12 << 10]byte) {}
