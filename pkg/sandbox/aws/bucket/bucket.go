// Package bucket simulates S3: the buckets of all accounts with their owners, regions, tags and
// settings, above a server that keeps objects.
package bucket

import (
	"sync"
	"time"

	"bytes"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/s3"
)

// Bucket is a bucket of S3, of this account or of another. The settings are the
// documents that were put, as XML; Policy is JSON. Empty: not set.
type Bucket struct {
	Account string // its owner; default: the simulated account
	Region  string // default: the account's
	Tags    map[string]string

	PublicAccessBlock, Encryption, OwnershipControls, Lifecycle, Policy string
}

// Service is S3.
type Service struct {
	region, account string
	objects         *s3.Server // keeps what is in the buckets

	mu   sync.Mutex
	rows map[string]*Bucket
}

// New makes S3 without buckets.
func New(region, account string) (*Service, error) {
	objects, err := s3.NewVersioned()
	if err != nil {
		return nil, err
	}
	return &Service{region: region, account: account, objects: objects, rows: map[string]*Bucket{}}, nil
}

// Shift sets the clock that far from the right time.
func (c *Service) Shift(offset time.Duration) { c.objects.Shift(offset) }

// In are the tags of the buckets that the account has in a region, by ARN.
func (c *Service) In(region, account string) map[string]map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]map[string]string{}
	for name, b := range c.rows {
		if b.Account == account && b.Region == region {
			all["arn:aws:s3:::"+name] = maps.Clone(b.Tags)
		}
	}
	return all
}

// What S3 gives every new bucket since 2023 (page "Default settings for new S3
// buckets FAQ" of its user guide).
const (
	defaultBlock      = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"
	defaultEncryption = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
	defaultOwnership  = "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>"
)

// AddBucket makes a bucket exist, with nothing but what b says.
func (c *Service) AddBucket(name string, b Bucket) {
	if b.Account == "" {
		b.Account = c.account
	}
	if b.Region == "" {
		b.Region = c.region
	}
	b.Tags = maps.Clone(b.Tags)
	c.mu.Lock()
	c.rows[name] = &b
	c.mu.Unlock()
	c.inner(http.MethodPut, "/"+name, "")
}

// Bucket is a bucket as it is, and whether there is one.
func (c *Service) Bucket(name string) (Bucket, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.rows[name]
	if !ok {
		return Bucket{}, false
	}
	found := *b
	found.Tags = maps.Clone(b.Tags)
	return found, true
}

// Versioned says whether a bucket keeps the versions of its objects.
func (c *Service) Versioned(name string) bool {
	return strings.Contains(c.inner(http.MethodGet, "/"+name+"?versioning", ""), "<Status>Enabled</Status>")
}

// KeepVersions makes a bucket keep the versions of its objects.
func (c *Service) KeepVersions(name string) {
	c.inner(http.MethodPut, "/"+name+"?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
}

// PutObject writes an object past all checks.
func (c *Service) PutObject(bucket, key, body string) {
	c.inner(http.MethodPut, "/"+bucket+"/"+key, body)
}

// DeleteObject deletes one so, which leaves a mark in a versioned bucket.
func (c *Service) DeleteObject(bucket, key string) {
	c.inner(http.MethodDelete, "/"+bucket+"/"+key, "")
}

// Object is an object's body; "" without one.
func (c *Service) Object(bucket, key string) string {
	return c.inner(http.MethodGet, "/"+bucket+"/"+key, "")
}

// inner asks the server of objects, and gives its answer if that is not an error.
func (c *Service) inner(method, target, body string) string {
	where, err := url.ParseRequestURI(target)
	if err != nil {
		return ""
	}
	w := &kept{header: http.Header{}}
	noted := &wire.Noting{ResponseWriter: w}
	c.objects.ServeHTTP(noted, &http.Request{
		Method: method, URL: where, Header: http.Header{"Content-Length": {strconv.Itoa(len(body))}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	})
	if noted.Status >= 300 {
		return ""
	}
	return w.body.String()
}

// kept is an answer in memory.
type kept struct {
	header http.Header
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (k *kept) Header() http.Header { return k.header }

// WriteHeader implements http.ResponseWriter.
func (k *kept) WriteHeader(int) {}

// Write implements http.ResponseWriter.
func (k *kept) Write(p []byte) (int, error) { return k.body.Write(p) }

// subresources are the settings of buckets, by their key in the query.
var subresources = []struct {
	key, name, absent string
	field             func(*Bucket) *string
}{
	{"tagging", "BucketTagging", "NoSuchTagSet", nil},
	{"policy", "BucketPolicy", "NoSuchBucketPolicy", func(b *Bucket) *string { return &b.Policy }},
	{"publicAccessBlock", "PublicAccessBlock", "NoSuchPublicAccessBlockConfiguration", func(b *Bucket) *string { return &b.PublicAccessBlock }},
	{"encryption", "BucketEncryption", "ServerSideEncryptionConfigurationNotFoundError", func(b *Bucket) *string { return &b.Encryption }},
	{"ownershipControls", "BucketOwnershipControls", "OwnershipControlsNotFoundError", func(b *Bucket) *string { return &b.OwnershipControls }},
	{"lifecycle", "BucketLifecycleConfiguration", "NoSuchLifecycleConfiguration", func(b *Bucket) *string { return &b.Lifecycle }},
	{"versioning", "BucketVersioning", "", nil}, // which the server of objects has
}

// Action names a request as the S3 API reference does.
func Action(r *http.Request, _ []byte) string {
	verb := map[string]string{http.MethodGet: "Get", http.MethodPut: "Put", http.MethodDelete: "Delete", http.MethodHead: "Head", http.MethodPost: "Post"}[r.Method]
	name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	switch {
	case name == "":
		return "ListBuckets"
	case key != "":
		return verb + "Object"
	case query.Has("versions"):
		return "ListObjectVersions"
	case query.Has("delete"):
		return "DeleteObjects"
	}
	for _, s := range subresources {
		if query.Has(s.key) {
			return verb + s.name
		}
	}
	switch verb {
	case "Put":
		return "CreateBucket"
	case "Get":
		return "ListObjectsV2"
	}
	return verb + "Bucket"
}

// ServeS3 adds to the server of objects what S3 knows of buckets: owners, regions,
// tags and settings.
func (c *Service) ServeS3(w http.ResponseWriter, r *http.Request, in *wire.Call) {
	s := wire.Service{Protocol: wire.S3XML}
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	w.Header().Set("X-Amz-Request-Id", wire.RequestID)
	if in.Action == "CreateBucket" {
		c.createBucket(w, r, name, in)
		return
	}
	c.mu.Lock()
	b := c.rows[name]
	c.mu.Unlock()
	expected := r.Header.Get("X-Amz-Expected-Bucket-Owner")
	switch {
	case b == nil:
		s.Refuse(w, r, wire.NewRefusal(404, "NoSuchBucket", "The specified bucket does not exist"))
		return
	case b.Region != in.Region:
		w.Header().Set("X-Amz-Bucket-Region", b.Region)
		s.Refuse(w, r, wire.NewRefusal(301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint."))
		return
	case b.Account != in.Account, expected != "" && expected != b.Account:
		s.Refuse(w, r, wire.NewRefusal(403, "AccessDenied", "Access Denied"))
		return
	}
	for _, sub := range subresources {
		if sub.absent != "" && r.URL.Query().Has(sub.key) {
			c.serveSetting(w, r, b, sub.key, in.Body)
			return
		}
	}
	noted := &wire.Noting{ResponseWriter: w}
	c.objects.ServeHTTP(noted, r)
	if in.Action == "DeleteBucket" && noted.Status < 300 {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.rows, name)
	}
}

// tagging is the document of tags.
type tagging struct {
	XMLName xml.Name   `xml:"Tagging"`
	Tags    []wire.Tag `xml:"TagSet>Tag"`
}

// createBucket makes a bucket where the request says.
func (c *Service) createBucket(w http.ResponseWriter, r *http.Request, name string, in *wire.Call) {
	s := wire.Service{Protocol: wire.S3XML}
	var wanted struct {
		LocationConstraint string
		Tags               []wire.Tag `xml:"Tags>Tag"`
	}
	_ = xml.Unmarshal(in.Body, &wanted) // it may be empty
	where := wanted.LocationConstraint
	if where == "" {
		where = "us-east-1"
	}
	c.mu.Lock()
	b := c.rows[name]
	c.mu.Unlock()
	switch {
	case where != in.Region:
		s.Refuse(w, r, wire.NewRefusal(400, "IllegalLocationConstraintException", "The "+where+" location constraint is incompatible for the region specific endpoint this request was sent to."))
		return
	case b != nil && b.Account != in.Account:
		s.Refuse(w, r, wire.NewRefusal(409, "BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."))
		return
	case b != nil && in.Region != "us-east-1":
		s.Refuse(w, r, wire.NewRefusal(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it."))
		return
	case b == nil:
		r.Body = io.NopCloser(bytes.NewReader(nil))
		noted := &wire.Noting{ResponseWriter: w}
		c.objects.ServeHTTP(noted, r)
		if noted.Status >= 300 {
			return
		}
	}
	made := &Bucket{
		Account: in.Account, Region: in.Region, Tags: map[string]string{},
		PublicAccessBlock: defaultBlock, Encryption: defaultEncryption, OwnershipControls: defaultOwnership,
	}
	for _, t := range wanted.Tags {
		made.Tags[t.Key] = t.Value
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b == nil {
		c.rows[name] = made
	}
}

// serveSetting reads, writes or deletes one setting of a bucket.
func (c *Service) serveSetting(w http.ResponseWriter, r *http.Request, b *Bucket, key string, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, sub := range subresources {
		switch {
		case sub.key != key:
		case r.Method == http.MethodGet && key == "tagging":
			document := tagging{}
			for _, k := range wire.Sorted(b.Tags) {
				document.Tags = append(document.Tags, wire.Tag{Key: k, Value: b.Tags[k]})
			}
			if len(document.Tags) == 0 {
				wire.Service{Protocol: wire.S3XML}.Refuse(w, r, wire.NewRefusal(404, sub.absent, "There is no tag set associated with the bucket."))
				return
			}
			wire.WriteXML(w, document)
		case r.Method == http.MethodGet && *sub.field(b) == "":
			wire.Service{Protocol: wire.S3XML}.Refuse(w, r, wire.NewRefusal(404, sub.absent, "The "+key+" configuration was not found"))
		case r.Method == http.MethodGet:
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, *sub.field(b))
		case r.Method == http.MethodPut && key == "tagging":
			document := tagging{}
			if err := xml.Unmarshal(body, &document); err != nil {
				wire.Service{Protocol: wire.S3XML}.Refuse(w, r, wire.NewRefusal(400, "MalformedXML", "The XML you provided was not well-formed"))
				return
			}
			b.Tags = map[string]string{}
			for _, t := range document.Tags {
				b.Tags[t.Key] = t.Value
			}
			w.WriteHeader(http.StatusOK)
		case r.Method == http.MethodPut:
			*sub.field(b) = string(body)
			w.WriteHeader(http.StatusOK)
		default:
			wire.Service{Protocol: wire.S3XML}.Refuse(w, r, wire.NewRefusal(405, "MethodNotAllowed", "The specified method is not allowed against this resource."))
		}
	}
}
