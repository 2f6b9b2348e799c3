package command_test

import "sync"

// background is what goes on beside a run. Unlike with a sync.WaitGroup, more may
// begin while one waits: requests of a process that is gone may still arrive.
type background struct {
	mu    sync.Mutex
	under []chan struct{}
}

// Go runs f beside.
func (b *background) Go(f func()) {
	done := make(chan struct{})
	b.mu.Lock()
	b.under = append(b.under, done)
	b.mu.Unlock()
	go func() {
		defer close(done)
		f()
	}()
}

// Wait waits for the end of all that has begun.
func (b *background) Wait() {
	b.mu.Lock()
	under := b.under
	b.under = nil
	b.mu.Unlock()
	for _, done := range under {
		<-done
	}
}
