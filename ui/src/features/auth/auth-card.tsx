'use client';

import type { ReactNode } from 'react';

interface AuthCardProps {
  title: string;
  description: ReactNode;
  children: ReactNode;
  footer?: ReactNode;
}

export function AuthCard({ title, description, children, footer }: AuthCardProps) {
  return (
    <div className="fade-in slide-in-from-bottom-2.5 animate-in duration-350 ease-out">
      <div className="rounded-xl bg-card/90 p-6 shadow-overlay backdrop-blur-md sm:p-7">
        <h1 className="font-semibold text-2xl tracking-tight">{title}</h1>
        <p className="mt-1 text-muted-foreground text-sm">{description}</p>
        <div className="mt-6">{children}</div>
      </div>
      {footer && <div className="mt-5 text-center text-muted-foreground text-sm">{footer}</div>}
    </div>
  );
}
