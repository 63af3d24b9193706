import type { NextConfig } from 'next';

const isDevelopment = process.env.NODE_ENV === 'development';

const config: NextConfig = {
  reactStrictMode: true,
  transpilePackages: ['@less-is-more/client'],
  poweredByHeader: false,
  images: { unoptimized: true },
  agentRules: false,
  devIndicators: false,
  // `make check` runs tsc.
  typescript: { ignoreBuildErrors: true },
  experimental: { optimizePackageImports: ['radix-ui', 'motion', '@less-is-more/client'] },
  ...(isDevelopment
    ? {
        // `make ui-dev`: the page from its sources, everything else from a platform that runs.
        rewrites: async () => [
          {
            source: '/api/:path*',
            destination: `${process.env.LIM_URL ?? 'http://127.0.0.1:8000'}/api/:path*`,
          },
          {
            source: '/objects/:path*',
            destination: `${process.env.LIM_URL ?? 'http://127.0.0.1:8000'}/objects/:path*`,
          },
        ],
      }
    : { output: 'export' }),
};

export default config;
