package workspace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// answerRoom is the room on the disk that is reserved for an answer.
const answerRoom = 1 << 20

// Suffixes of a call's files in Calls.
const (
	AnswerSuffix = ".answer" // the CPI's output
	LogSuffix    = ".log"    // its error output
	SentSuffix   = ".sent"   // there once the request was sent
)

// OpenAnswer makes a file and locks it for as long as it is open anywhere.
func OpenAnswer(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the CPI's output: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock the CPI's output: %w", err)
	}
	if err := reserve(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Running says whether a CPI that was left behind still holds its answer's file.
func Running(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
}

// MarkSent makes an empty file that is still there after the machine has died.
func MarkSent(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note that the CPI was asked: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close(), syncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("note that the CPI was asked: %w", err)
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// RemoveCall deletes a call's files once its answer is in the journal.
func RemoveCall(name string) {
	for _, suffix := range []string{AnswerSuffix, LogSuffix, SentSuffix} {
		_ = os.Remove(name + suffix)
	}
}
