// Package bench holds the Go originals that snowshed is measured against.
package bench

import (
	"runtime"
	"strconv"
	"sync"
)

// ChannelSemaphore is the buffered channel used as a counter of permits.
type ChannelSemaphore chan struct{}

// NewChannelSemaphore returns a semaphore of n permits.
func NewChannelSemaphore(n int) ChannelSemaphore { return make(ChannelSemaphore, n) }

// Acquire blocks until a permit is free.
func (s ChannelSemaphore) Acquire() { s <- struct{}{} }

// Release gives a permit back.
func (s ChannelSemaphore) Release() { <-s }

// ReentrantSemaphore lets the goroutine that holds a permit acquire again without waiting. How often each goroutine
// holds it is kept in a sync.Map by goroutine id.
type ReentrantSemaphore struct {
	permits ChannelSemaphore
	holds   sync.Map // uint64 → int
}

// NewReentrantSemaphore returns a semaphore of n permits.
func NewReentrantSemaphore(n int) *ReentrantSemaphore {
	return &ReentrantSemaphore{permits: NewChannelSemaphore(n)}
}

// Acquire blocks until a permit is free, unless this goroutine holds one already.
func (s *ReentrantSemaphore) Acquire() { s.AcquireAs(goroutineID()) }

// Release undoes one Acquire of this goroutine; the last one gives the permit back. It panics if there is none.
func (s *ReentrantSemaphore) Release() { s.ReleaseAs(goroutineID()) }

// AcquireAs is Acquire for an owner that knows its id: what is left of the cost when reading the id is free.
func (s *ReentrantSemaphore) AcquireAs(id uint64) {
	if held, ok := s.holds.Load(id); ok {
		s.holds.Store(id, held.(int)+1)
		return
	}
	s.permits.Acquire()
	s.holds.Store(id, 1)
}

// ReleaseAs is Release for an owner that knows its id.
func (s *ReentrantSemaphore) ReleaseAs(id uint64) {
	held, ok := s.holds.Load(id)
	if !ok {
		panic("reentrant semaphore: released by an owner that does not hold it")
	}
	if count := held.(int); count > 1 {
		s.holds.Store(id, count-1)
		return
	}
	s.holds.Delete(id)
	s.permits.Release()
}

// goroutineID reads the number from the first line of the stack, "goroutine 18 [running]:". Go has no public function
// for it, and this is the one way that neither links to the runtime's symbols nor reads its memory.
func goroutineID() uint64 {
	var buffer [64]byte
	line := buffer[:runtime.Stack(buffer[:], false)]
	const prefix = len("goroutine ")
	end := prefix
	for end < len(line) && line[end] != ' ' {
		end++
	}
	id, err := strconv.ParseUint(string(line[prefix:end]), 10, 64)
	if err != nil {
		panic(err)
	}
	return id
}
