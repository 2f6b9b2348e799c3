// Package archive reads the archives in which a BOSH director hands out an instance's logs.
package archive

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// What is unpacked of logs; whoever gets more has asked for more than can be shown.
const (
	maxBytes = 32 << 20 // bytes, together; see errTooBig
	maxFiles = 2_000
	maxName  = 600 // bytes, of the name of a file that is refused
)

// Logs reads the regular files of a gzipped tar archive, by their paths in it:
// "gate/post-start.stdout.log". It refuses what is larger than can be shown, and paths that
// lead out of the archive.
func Logs(packed []byte) (map[string][]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	files, left := map[string][]byte{}, int64(maxBytes)
	// The headers are counted too: an archive of nothing else can be endless.
	content := &io.LimitedReader{R: z, N: maxBytes}
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) && content.N > 0 {
			if _, err := io.Copy(io.Discard, content); err != nil { // up to the checksum
				return nil, err
			}
			return files, nil
		}
		if err != nil {
			return nil, tooMuch(content, err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		name, ok := logName(header.Name)
		if !ok {
			return nil, fmt.Errorf("a file of it is named %q", retry.OneLine(header.Name, maxName))
		}
		if len(files) == maxFiles {
			return nil, fmt.Errorf("it has more than %d files", maxFiles)
		}
		// A sparse file is longer than its bytes in the archive.
		text, err := io.ReadAll(io.LimitReader(archive, left+1))
		if left -= int64(len(text)); left < 0 || err != nil {
			return nil, tooMuch(content, cmp.Or(err, errTooBig))
		}
		files[name] = text
	}
}

// errTooBig says that logs are larger than what is taken.
var errTooBig = errors.New("it has more than 32 MiB")

// tooMuch is the error of an archive that ends, or seems to end, too early.
func tooMuch(content *io.LimitedReader, err error) error {
	if content.N <= 0 {
		return errTooBig
	}
	return err
}

// logName is the path of a file in an archive, "./gate/post-start.stdout.log", below
// the folder of logs. It is false for one that leads out of it.
func logName(name string) (string, bool) {
	clean := path.Clean(name)
	if path.IsAbs(clean) || clean == "." || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsAny(clean, "\x00\\") {
		return "", false
	}
	return clean, true
}
