package boshrelease

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"time"
)

// member is a file of an archive.
type member struct {
	name    string // "templates/post-start"
	content []byte
}

// packed is the time of every file. It is later than what tar finds implausible.
var packed = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// tarball packs members as they come, into the same bytes every time. They are
// stored and not compressed: the compressor's output differs from one Go to another.
func tarball(members []member) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.NoCompression) // its header has no name and no time
	if err != nil {
		panic(err) // the level is a valid one
	}
	t := tar.NewWriter(z)
	for _, m := range members { // writing to memory does not fail, and the names are short
		_ = t.WriteHeader(&tar.Header{
			Name: "./" + m.name, Mode: 0o644, Size: int64(len(m.content)), ModTime: packed,
			Uname: "root", Gname: "root", Format: tar.FormatUSTAR,
		})
		_, _ = t.Write(m.content)
	}
	_, _ = t.Close(), z.Close()
	return b.Bytes()
}
