package bench

import "testing"

func TestReentrantSemaphoreNests(t *testing.T) {
	sem := NewReentrantSemaphore(1)
	sem.Acquire()
	sem.Acquire()
	sem.Release()
	entered := make(chan struct{})
	go func() {
		sem.Acquire()
		close(entered)
		sem.Release()
	}()
	select {
	case <-entered:
		t.Fatal("another goroutine entered while the permit was held")
	default:
	}
	sem.Release()
	<-entered
}

func TestReentrantSemaphoreRefusesForeignRelease(t *testing.T) {
	sem := NewReentrantSemaphore(1)
	defer func() {
		if recover() == nil {
			t.Fatal("Release() without Acquire() did not panic")
		}
	}()
	sem.Release()
}
