package aws

import "net/http"

// KeepVersions makes a bucket keep the versions of its objects.
func (c *Cloud) KeepVersions(bucket string) {
	c.inner(http.MethodPut, "/"+bucket+"?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
}
