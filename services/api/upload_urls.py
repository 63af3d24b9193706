"""Upload addresses of a dataset's files."""

from __future__ import annotations

from services.api.context import Services
from services.api.dataset_models import PartOut, UploadOut
from services.api.object_urls import ObjectUrls
from services.database.models import Upload
from services.datasets.requests import part_sizes


async def upload_out(services: Services, urls: ObjectUrls, upload: Upload, *, looks: bool = False) -> UploadOut:
    """Addresses for one file; with `looks`, also which of its bytes have arrived."""
    objects, life_s = services.objects, services.settings.upload_url_s
    file = {"name": upload.name, "size": upload.size, "method": "PUT", "headers": {}}
    if upload.multipart_id is None or upload.part_bytes is None:
        signed = await objects.sign_put(upload.key, upload.size, life_s)
        is_there = looks and await objects.size(upload.key) == upload.size
        return UploadOut(
            **file,
            uploaded_bytes=upload.size if is_there else 0,
            url=urls.reachable(signed.url),
            expires_at=signed.expires_at,
        )
    sizes = part_sizes(upload)
    addresses = await objects.sign_parts(upload.key, upload.multipart_id, sizes, life_s)
    there = await objects.parts_there(upload.key, upload.multipart_id) if looks else {}
    parts = [
        PartOut(
            number=n,
            start=(n - 1) * upload.part_bytes,
            size=size,
            url=urls.reachable(address.url),
            uploaded=there.get(n) == size,
        )
        for n, (size, address) in enumerate(zip(sizes, addresses, strict=True), start=1)
    ]
    return UploadOut(
        **file,
        uploaded_bytes=sum(part.size for part in parts if part.uploaded),
        url=None,
        parts=parts,
        expires_at=addresses[0].expires_at,
    )
