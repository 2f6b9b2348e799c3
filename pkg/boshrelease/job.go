package boshrelease

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed jobs
var files embed.FS

// job is a job of the release: what its folder holds, by name.
type job struct {
	name    string // "gate"
	members []member
}

// jobs are those of the release, by name.
func jobs() []job {
	folders, err := fs.ReadDir(files, "jobs")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	var list []job
	for _, folder := range folders {
		j := job{name: folder.Name()}
		root := "jobs/" + j.name
		err := fs.WalkDir(files, root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := fs.ReadFile(files, path)
			j.members = append(j.members, member{strings.TrimPrefix(path, root+"/"), content})
			return err
		})
		if err != nil {
			panic(err) // as above
		}
		list = append(list, j)
	}
	return list
}

// archive is the job as the release holds it.
func (j job) archive() []byte { return tarball(j.members) }

// fingerprint is the identity of the job for a director, which keeps the bytes
// that it has got under a fingerprint and drops others without a word. So it
// covers every byte of every file. It does not cover how they are packed: that is
// not what a VM gets.
func (j job) fingerprint() string {
	sum := sha256.New()
	for _, m := range j.members {
		_, _ = fmt.Fprintf(sum, "%q %d\n", m.name, len(m.content))
		_, _ = sum.Write(m.content)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
