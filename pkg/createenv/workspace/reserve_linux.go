package workspace

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// keepSize is FALLOC_FL_KEEP_SIZE of fallocate(2).
const keepSize = 1

// reserve makes sure that the disk has room for a CPI's answer before the CPI is
// asked: an answer that cannot be written is a VM that nobody knows.
func reserve(f *os.File) error {
	err := syscall.Fallocate(int(f.Fd()), keepSize, 0, answerRoom)
	if err == nil || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return nil
	}
	return fmt.Errorf("reserve room for the CPI's answer in %s: %w", f.Name(), err)
}
