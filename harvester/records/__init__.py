"""From the vendor's JSON to Arrow, without loss: schema, decoding, salvage of what does not fit. Pure."""
