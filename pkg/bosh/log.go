package bosh

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
)

// What is unpacked of logs; whoever gets more has asked for more than can be shown.
const (
	maxLogs     = 32 << 20 // bytes, together; see errLogsTooBig
	maxLogFiles = 2_000
)

// Logs fetches what the jobs of an instance have written below /var/vcap/sys/log,
// by path: "gate/post-start.stdout.log". Filters narrow it down on the instance,
// "gate/*"; without one everything comes, which may be more than this takes. The
// director fetches logs in a task, for which this waits. Its error is ErrNotFound
// if there is no such instance, and ErrForbidden if the login may not read logs:
// that needs an admin of the director.
func (c *Client) Logs(ctx context.Context, deployment, group, id string, filters ...string) (map[string][]byte, error) {
	root, err := deploymentPath(deployment)
	if err != nil {
		return nil, err
	}
	action := fmt.Sprintf("fetch logs of %s/%s", group, id)
	query := url.Values{"type": {"job"}}
	if len(filters) > 0 {
		query.Set("filters", strings.Join(filters, ","))
	}
	task, err := c.ask(ctx, action, root+"/jobs/"+url.PathEscape(group)+"/"+url.PathEscape(id)+"/logs", query)
	if err != nil {
		return nil, err
	}
	if task.Result == "" {
		return nil, fmt.Errorf("%s: director task %d names no file", action, task.ID)
	}
	k := c.call(ctx)
	packed, _, err := k.request().RawGet("/resources/"+url.PathEscape(task.Result), nil, nil) //nolint:bodyclose // the library closes it
	if err := k.explain(err); err != nil {
		return nil, fmt.Errorf("%s: %w", action, err)
	}
	files, err := unpackLogs(packed)
	if err != nil {
		return nil, fmt.Errorf("%s: unpack them: %w", action, err)
	}
	return files, nil
}

// unpackLogs reads the regular files of a gzipped tar archive.
func unpackLogs(packed []byte) (map[string][]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	files, left := map[string][]byte{}, int64(maxLogs)
	// The headers are counted too: an archive of nothing else can be endless.
	content := &io.LimitedReader{R: z, N: maxLogs}
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
			return nil, fmt.Errorf("a file of it is named %q", brief(header.Name))
		}
		if len(files) == maxLogFiles {
			return nil, fmt.Errorf("it has more than %d files", maxLogFiles)
		}
		// A sparse file is longer than its bytes in the archive.
		text, err := io.ReadAll(io.LimitReader(archive, left+1))
		if left -= int64(len(text)); left < 0 || err != nil {
			return nil, tooMuch(content, cmp.Or(err, errLogsTooBig))
		}
		files[name] = text
	}
}

// errLogsTooBig says that logs are larger than what is taken.
var errLogsTooBig = errors.New("it has more than 32 MiB")

// tooMuch is the error of an archive that ends, or seems to end, too early.
func tooMuch(content *io.LimitedReader, err error) error {
	if content.N <= 0 {
		return errLogsTooBig
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
