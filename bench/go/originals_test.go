package bench

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

const (
	workers = 8
	permits = 3
	limit   = 100
)

// contend has 8 goroutines do b.N operations between them; each is given the number of its goroutine.
func contend(b *testing.B, operation func(worker uint64)) {
	b.ReportAllocs()
	var group sync.WaitGroup
	for worker := range workers {
		share := b.N / workers
		if worker < b.N%workers {
			share++
		}
		group.Go(func() {
			for range share {
				operation(uint64(worker))
			}
		})
	}
	group.Wait()
}

func BenchmarkChannelUncontended(b *testing.B) {
	b.ReportAllocs()
	sem := NewChannelSemaphore(permits)
	for b.Loop() {
		sem.Acquire()
		sem.Release()
	}
}

func BenchmarkChannel8x3Empty(b *testing.B) {
	sem := NewChannelSemaphore(permits)
	contend(b, func(uint64) {
		sem.Acquire()
		sem.Release()
	})
}

func BenchmarkChannel8x3Yield(b *testing.B) {
	sem := NewChannelSemaphore(permits)
	contend(b, func(uint64) {
		sem.Acquire()
		runtime.Gosched()
		sem.Release()
	})
}

func BenchmarkReentrant8x3Empty(b *testing.B) {
	sem := NewReentrantSemaphore(permits)
	contend(b, func(uint64) {
		sem.Acquire()
		sem.Release()
	})
}

func BenchmarkReentrant8x3Yield(b *testing.B) {
	sem := NewReentrantSemaphore(permits)
	contend(b, func(uint64) {
		sem.Acquire()
		runtime.Gosched()
		sem.Release()
	})
}

func BenchmarkReentrantKnownID8x3Yield(b *testing.B) {
	sem := NewReentrantSemaphore(permits)
	contend(b, func(worker uint64) {
		sem.AcquireAs(worker)
		runtime.Gosched()
		sem.ReleaseAs(worker)
	})
}

func BenchmarkWeightedUncontended(b *testing.B) {
	b.ReportAllocs()
	ctx := context.Background()
	sem := semaphore.NewWeighted(permits)
	for b.Loop() {
		if err := sem.Acquire(ctx, 1); err != nil {
			b.Fatal(err)
		}
		sem.Release(1)
	}
}

func BenchmarkWeightedTryAcquire(b *testing.B) {
	b.ReportAllocs()
	sem := semaphore.NewWeighted(permits)
	for b.Loop() {
		if !sem.TryAcquire(1) {
			b.Fatal("TryAcquire(1) = false on a free semaphore")
		}
		sem.Release(1)
	}
}

func BenchmarkWeighted8x3Yield(b *testing.B) {
	ctx := context.Background()
	sem := semaphore.NewWeighted(permits)
	contend(b, func(uint64) {
		if err := sem.Acquire(ctx, 1); err != nil {
			panic(err)
		}
		runtime.Gosched()
		sem.Release(1)
	})
}

func BenchmarkErrgroupLimit100Yield(b *testing.B) {
	b.ReportAllocs()
	var group errgroup.Group
	group.SetLimit(limit)
	for range b.N {
		group.Go(func() error {
			runtime.Gosched()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkContextCreateCancel(b *testing.B) {
	b.ReportAllocs()
	parent, cancelParent := context.WithCancel(context.Background())
	defer cancelParent()
	for b.Loop() {
		_, cancel := context.WithCancel(parent)
		cancel()
	}
}
