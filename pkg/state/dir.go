package state

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Files of the store's own. No document's name begins with a dot.
const (
	lockFile  = ".lock"  // held while something is written
	newFile   = ".new"   // the document being written
	clockFile = ".clock" // written to, to learn the file system's time
)

const (
	lockPoll = 5 * time.Millisecond
	lockWait = 30 * time.Second // a write takes milliseconds
)

// Dir is a Store in a local directory: one file a document. Processes that
// share it exclude each other by a lock on a file, and replace documents by
// rename, so that a process killed anywhere leaves every document whole.
type Dir struct{ path string }

// NewDir uses the directory at path and makes it, for its owner only, if it
// does not exist.
func NewDir(path string) (*Dir, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find state directory %s: %w", path, err)
	}
	if err := os.MkdirAll(absolute, 0o700); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	return &Dir{path: absolute}, nil
}

// Get implements Store. It needs no lock: a rename shows the old or the new file.
func (d *Dir) Get(ctx context.Context, name string) (Document, error) {
	if err := ready(ctx, name); err != nil {
		return Document{}, err
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return Document{}, fmt.Errorf("open state directory: %w", err)
	}
	defer func() { _ = root.Close() }()
	return read(root, name)
}

// Put implements Store.
func (d *Dir) Put(ctx context.Context, name string, body []byte, revision string) (string, error) {
	if err := errors.Join(ready(ctx, name), checkBody(name, body)); err != nil {
		return "", err
	}
	err := d.locked(ctx, func(root *os.Root) error {
		if err := still(root, name, revision); err != nil {
			return err
		}
		return replace(root, name, body)
	})
	if err != nil {
		return "", fmt.Errorf("write document %s: %w", name, err)
	}
	return revisionOf(body), nil
}

// Delete implements Store.
func (d *Dir) Delete(ctx context.Context, name, revision string) error {
	if err := ready(ctx, name); err != nil {
		return err
	}
	err := d.locked(ctx, func(root *os.Root) error {
		document, err := read(root, name)
		if err != nil {
			return err
		}
		if document.Revision != revision {
			return ErrConflict
		}
		if err := root.Remove(name); err != nil {
			return err
		}
		return syncDir(root, path.Dir(name))
	})
	if err != nil {
		return fmt.Errorf("delete document %s: %w", name, err)
	}
	return nil
}

// List implements Store.
func (d *Dir) List(ctx context.Context, prefix string) ([]string, error) {
	names := []string{}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, fmt.Errorf("open state directory: %w", err)
	}
	defer func() { _ = root.Close() }()
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name != ".": // deleted meanwhile
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case entry.Type().IsRegular() && strings.HasPrefix(name, prefix) && ValidName(name) == nil:
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	sort.Strings(names) // by bytes, as S3 does; WalkDir sorts within directories
	return names, nil
}

// Now implements Store: what the file system stamps on a file that is written
// now. On a network file system that is the server's clock.
func (d *Dir) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	err := d.locked(ctx, func(root *os.Root) error {
		file, err := root.OpenFile(clockFile, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if _, err := file.WriteString("\n"); err != nil {
			return err
		}
		if err := file.Sync(); err != nil {
			return err
		}
		info, err := file.Stat()
		if err == nil {
			now = info.ModTime()
		}
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("read the file system's clock: %w", err)
	}
	return now, nil
}

// ready refuses what no call could do.
func ready(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return ValidName(name)
}

// locked runs write while no other process or goroutine writes.
func (d *Dir) locked(ctx context.Context, write func(*os.Root) error) error {
	bounded, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock := flock.New(filepath.Join(d.path, lockFile), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(bounded, lockPoll); err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("wait for %s: another process held it for %s", lock.Path(), lockWait)
		}
		return fmt.Errorf("lock the state directory: %w", err)
	}
	defer func() { _ = lock.Close() }() // unlocks too; the lock ends with the process at the latest
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return fmt.Errorf("open state directory: %w", err)
	}
	defer func() { _ = root.Close() }()
	return write(root)
}

// still fails with ErrConflict unless the document is at revision, or absent if that is "".
func still(root *os.Root, name, revision string) error {
	document, err := read(root, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if document.Revision != revision {
		return ErrConflict
	}
	return nil
}

// read reads one document, bounded.
func read(root *os.Root, name string) (Document, error) {
	file, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Document{}, fmt.Errorf("read document %s: %w", name, ErrNotFound)
	}
	if err != nil {
		return Document{}, fmt.Errorf("read document: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return Document{}, fmt.Errorf("read document: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(file, MaxDocument+1))
	if err != nil {
		return Document{}, fmt.Errorf("read document: %w", err)
	}
	if err := checkBody(name, body); err != nil {
		return Document{}, err
	}
	return Document{Body: body, Revision: revisionOf(body), Modified: info.ModTime()}, nil
}

// replace puts body in a document's place, whole and on the disk. A temporary
// file that a killed process left goes first: whoever holds the lock is alone.
func replace(root *os.Root, name string, body []byte) error {
	if err := root.Remove(newFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeDirs(root, path.Dir(name)); err != nil {
		return err
	}
	if err := writeNew(root, body); err != nil {
		_ = root.Remove(newFile)
		return err
	}
	if err := root.Rename(newFile, name); err != nil {
		_ = root.Remove(newFile)
		return err
	}
	return syncDir(root, path.Dir(name))
}

// writeNew writes the temporary file.
func writeNew(root *os.Root, body []byte) error {
	file, err := root.OpenFile(newFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(body)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// makeDirs makes a document's directories, each recorded in the one above.
func makeDirs(root *os.Root, dir string) error {
	if dir == "." {
		return nil
	}
	if info, err := root.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := makeDirs(root, path.Dir(dir)); err != nil {
		return err
	}
	if err := root.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return syncDir(root, path.Dir(dir))
}

// syncDir makes a rename or removal in dir survive a crash of the machine.
func syncDir(root *os.Root, dir string) error {
	opened, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
}

// revisionOf names a body. As with S3's ETag, equal bodies have equal revisions.
func revisionOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
